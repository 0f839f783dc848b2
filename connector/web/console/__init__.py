"""The service desk's console: pages for those who help students, made on the server."""
