"""Stages 4 and 8, state: the references and the chain that encoder and decoder both hold."""
