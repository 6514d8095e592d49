"""Summaries: their bytes are read back in tests/summary; here are the ops with no value to compare."""

ELSEWHERE = {
    "ScalarSummary": "tests/summary/test_summaries.py",
    "HistogramSummary": "tests/summary/test_summaries.py",
    "ImageSummary": "tests/summary/test_summaries.py",
    "TensorSummaryV2": "tests/summary/test_summaries.py",
    "MergeSummary": "tests/summary/test_summaries.py",
    "ReadFile": "tests/io/test_file_ops.py",
    "WriteFile": "tests/io/test_file_ops.py",
}

ROWS = []
