"""What the page and the service share: command line, listening, host names, ending."""
