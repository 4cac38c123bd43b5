"""The shapes of our data: what crosses a process, a file or a year. Imports nothing else of ours."""
