"""Summaries: their bytes are read back in tests/summary; here are the ops with no value to compare."""

ELSEWHERE = {
    "ScalarSummary": "summary/test_summaries.py",
    "HistogramSummary": "summary/test_summaries.py",
    "ImageSummary": "summary/test_summaries.py",
    "TensorSummaryV2": "summary/test_summaries.py",
    "MergeSummary": "summary/test_summaries.py",
    "ReadFile": "io/test_file_ops.py",
    "WriteFile": "io/test_file_ops.py",
}

ROWS = []
