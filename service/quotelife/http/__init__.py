"""HTTP for the API and the supervisor: server, access control, problem details."""
