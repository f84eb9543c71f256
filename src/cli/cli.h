/* cli.h - the subcommands, and what they share. */
#ifndef TANDEM_CLI_H
#define TANDEM_CLI_H

#include <argp.h>

#include "monitor/coordinator.h"

#define TANDEM_VERSION "0.1"

/* argv[0] is the subcommand's name. Return the exit status. */
int cmd_run(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_why(int argc, char **argv);

/* "vdso,pid": bits of enum source; an unknown name ends the program with one line. */
unsigned parse_sources(const char *list);
/* "10", "500ms", "1s", "2.5": seconds by default. Returns ns. */
uint64_t parse_time(const char *text, const char *option);
/* "4096", "4K", "64M". */
uint64_t parse_size(const char *text, const char *option);
/* "lag:MAX,SEED" or "stop:TIME@EVENT". */
void parse_fault(const char *text, struct config *cfg);
/* A number from min to max. */
int parse_number(const char *text, const char *command, const char *option, long min, long max);
/* The number of an event or a task, from 1. */
uint64_t parse_event(const char *text, const char *command, const char *option);
/* --stack, --ring, --chaos[=SEED] (NULL: a seed by chance). */
void parse_stack(const char *text, struct config *cfg);
void parse_ring(const char *text, const char *command, struct config *cfg);
void parse_chaos(const char *text, const char *command, struct config *cfg);
/* One line, and EXIT_TANDEM. */
_Noreturn void usage_error(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* argp with tandem's own exit status and one-line errors. The words after the options are left in
 * argv[*ret_rest...]. */
void parse_options(const struct argp *argp, int argc, char **argv, int *ret_rest, void *input);

#endif
