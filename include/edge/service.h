/* The service: files, journal, broker, signals and the engine, put together into one loop of one thread. */
#ifndef EDGE_SERVICE_H
#define EDGE_SERVICE_H

/* Runs until SIGTERM or SIGINT and the drain that follows. The process's exit status. */
int service_run(const char *config_path);

/* Reads everything that the service would read and prints every mistake to stderr. The process's exit status. */
int service_check(const char *config_path);

#endif
