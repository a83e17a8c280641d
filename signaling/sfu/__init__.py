"""Stage 6, over a forwarding server (SFU) of somebody else's: Janus, whose VideoRoom sends one face to many viewers.

    viewer's and sender's programs
        |  publication.py, subscription.py   one connection to Janus each, and the stream's channels over it
        |  mux.py                            all channels of a stream in one of Janus's; a kind byte in each message
        |  upstream.py                       what viewers ask for, over the TextRoom, and how rarely
        |  rooms.py                          the requests to VideoRoom and TextRoom
        |  session.py, janus_message.py      a session of Janus's own protocol over one WebSocket
        `  address.py, errors.py             --sfu, and what can go wrong

What was found about Janus, and what it costs, is in docs/sfu.md.
"""
