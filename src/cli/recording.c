/* recording.c - see recording.h. */
#include "cli/recording.h"

#include "base/base.h"

struct log_reader *recording_open(const char *path)
{
	char *error;
	struct log_reader *r = log_open(path, &error);

	if (!r)
		die("%s", error);
	return r;
}

static json_t *read_chunk(struct log_reader *r, uint32_t i, int kind)
{
	struct buf text = {0};
	json_t *j = NULL;

	if (i < r->nchunks && r->chunk[i].c.kind == kind && !log_chunk_data(r, i, &text))
		j = json_loadb(text.at, text.len, 0, NULL);
	buf_free(&text);
	return j;
}

json_t *recording_about(struct log_reader *r)
{
	return read_chunk(r, 0, CHUNK_ABOUT);
}

json_t *recording_end(struct log_reader *r)
{
	return read_chunk(r, r->nchunks - 1, CHUNK_END);
}
