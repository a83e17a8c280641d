"""Training of the five networks on any folder of face clips; nothing else imports this package."""
