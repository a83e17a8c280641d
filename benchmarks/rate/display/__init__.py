"""What is shown of results: tables in the terminal, the plot, pictures side by side, faces frame by frame.

All of it is made of rows and pictures that are there; nothing here measures.
"""
