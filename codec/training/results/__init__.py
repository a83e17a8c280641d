"""Training, results: coding tables, validation, the finished weight file and its model card."""
