/* firstread.h - who reads a few bytes first: an instruction, found by single steps, or a call. */
#ifndef TANDEM_FIRSTREAD_H
#define TANDEM_FIRSTREAD_H

#include "monitor/monitor.h"

/* From here on t goes by single steps, until an instruction or a call of its reads one of these bytes, or all of them are overwritten,
 * or it takes too long. Then NOTE_EXPERIMENT tells "reader" (experiment.h), and t goes on as before. Of another task's nothing is seen. */
void firstread_start(struct monitor *m, struct task *t, uint64_t at, uint64_t len);
/* t is let go: by a step, where it is looked at. False: it is not. */
bool firstread_resume(struct monitor *m, struct task *t, int sig);
/* t has stopped: true where it was for a step, and it is on its way again. */
bool firstread_stopped(struct monitor *m, struct task *t, int status);
/* t stands at the entry of a call. */
void firstread_call(struct monitor *m, struct task *t);

#endif
