"""What facewire is held against, coded: ordinary video codecs, streams of others, a prototype without learning.

setups.py says how each codec is run and at which settings, coder.py runs it; streams.py reads what others have coded;
prototype.py is the floor. All of them make a CodedClip of a Clip (coded_clip.py). Nothing here measures a quality.
"""
