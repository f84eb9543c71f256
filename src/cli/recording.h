/* recording.h - what commands want to know of a recording besides its events. */
#ifndef TANDEM_CLI_RECORDING_H
#define TANDEM_CLI_RECORDING_H

#include <jansson.h>

#include "log/reader.h"

/* Open it, or end the program with one line. */
struct log_reader *recording_open(const char *path);
/* Its CHUNK_ABOUT and CHUNK_END; NULL where it has none. To be released. */
json_t *recording_about(struct log_reader *r);
json_t *recording_end(struct log_reader *r);

#endif
