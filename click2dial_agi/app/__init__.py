"""The application: AGI handlers, the service that runs them, and the command line."""
