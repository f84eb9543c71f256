/* recorder.h - a consumer of the stream that writes a recording. It runs in the coordinator. */
#ifndef TANDEM_RECORDER_H
#define TANDEM_RECORDER_H

#include "log/writer.h"
#include "monitor/stream.h"

struct recorder;

/* `bundle`: the bytes of all mapped files go into the recording, not only of those that may change. The writer stays the
 * caller's. */
struct recorder *recorder_new(struct log_writer *w, bool bundle);
/* An event_sink, with the recorder as its context. */
void recorder_event(void *ctx, struct stream *s, int slot, const struct event *e);
/* 0, or the -errno that ended the recording early. */
int recorder_error(const struct recorder *r);
void recorder_free(struct recorder *r);

#endif
