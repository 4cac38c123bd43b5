"""The verbs, as Beam transforms over files, and the command line."""
