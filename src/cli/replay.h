/* replay.h - what it takes to replay a recording. */
#ifndef TANDEM_CLI_REPLAY_H
#define TANDEM_CLI_REPLAY_H

#include "log/reader.h"
#include "monitor/coordinator.h"

/* Opens a recording that `copies` versions are to replay, sees that this can be done here, and sets *cfg up for it. What was recorded is
 * in *ret_recorded. Ends the program with one line where it cannot be done. */
struct log_reader *replay_open(const char *path, struct config *cfg, int copies, struct version_spec *ret_recorded);

/* cfg->spec: version 0 is the recording, the others run it again; or, unless NULL, the program and its arguments in `words`. Ends the
 * program where that cannot be found. */
void replay_versions(struct config *cfg, const struct version_spec *recorded, char **words);

#endif
