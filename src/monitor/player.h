/* player.h - a recording takes the leader's place: a producer of the stream that reads its events from a file. */
#ifndef TANDEM_PLAYER_H
#define TANDEM_PLAYER_H

#include "log/reader.h"
#include "monitor/monitor.h"

/* Look at the files that a recording names without having their bytes. 0, or -ENODATA after a line for each that is gone or has
 * changed. */
int player_check_files(struct log_reader *r);
/* In place of leader_main; `reader` is a struct log_reader. */
_Noreturn void player_main(struct monitor *m, void *reader);

#endif
