/* coordinator.h - the process that the user started: starts the monitors, gathers what they say, ends with the
 * leader's status.
 */
#ifndef TANDEM_COORDINATOR_H
#define TANDEM_COORDINATOR_H

#include <jansson.h>

#include "monitor/monitor.h"

/* How a run ended. JSON values belong to the outcome. */
struct outcome {
	int root_status;           /* wait status of the leader's root process */
	bool ended;                /* ... is known */
	int failed;                /* the leader could not be started: -errno */
	char why[128];             /* ... "": its program could not be executed; else what tandem lacks */
	bool lost;                 /* the leader's monitor died */
	bool incomplete;           /* a replay has not done all that the program did, or not printed it */
	json_t *divergences, *versions, *refused, *unknown, *warnings;
	json_t *experiment;        /* what NOTE_EXPERIMENT told */
	json_t *counts;            /* the leader's monitor's own, or NULL */
	uint64_t events;
};

/* Consumes the stream in the coordinator itself (trace, record): called with each event, and now and then, while there is none,
 * with NULL. `slot` is its own in the ring. */
typedef void event_sink(void *ctx, struct stream *s, int slot, const struct event *e);

struct run {
	struct config *cfg;
	event_sink *sink;          /* NULL: nobody */
	void *sink_ctx;
	void (*producer)(struct monitor *m, void *ctx);   /* version 0 in place of a leader (replay): does not return; or NULL */
	void *producer_ctx;
	bool keep_stdio;           /* the coordinator writes to what it was given */
	int keep_fd;               /* a descriptor that stays open, or -1 */
	bool verbose;
	bool quiet;                /* nothing is said on stderr; the outcome has it */
};

/* Runs all versions to their end. 0, or -errno when tandem itself could not. */
int coordinate(struct run *run, struct outcome *ret);
/* What to say where it could not. */
_Noreturn void cannot_start(int err);
/* The leader could not be started: one line, and the exit status. */
int outcome_failed(const struct outcome *o, const char *path);
void outcome_free(struct outcome *o);
/* End as the leader did (its signal, too); with `status` instead, unless that is negative. */
_Noreturn void end_like(const struct outcome *o, int status);
/* The exit status of a run; 128+n where a signal ended it. */
int outcome_status(const struct outcome *o);

/* Remember what tandem was given, before anything is opened or changed. */
void config_init(struct config *cfg);
/* Find an executable as execvp would, and see that it can be run. 0, or EXIT_NOT_FOUND or EXIT_CANNOT_EXEC
 * after one line on stderr. *ret_path is to be freed. */
int find_program(const char *name, char **ret_path);

#endif
