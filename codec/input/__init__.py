"""Stage 1, input: whatever is named or given -> upright, square-pixelled SDR pictures in RGB, with their times."""
