"""What ``bench/gpu.py`` measures and checks."""
