/* player.c - see player.h.
 *
 * The stores of files that the recording brings become memfds of the player's, as the leader's monitor had them. Each is made when
 * the first event names it, and given up once many others were needed since and no follower can ask for it any more: a recording
 * may have thousands.
 */
#define _GNU_SOURCE
#include "monitor/player.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/experiment.h"

/* So many memfds are there at a time, and so many bytes unless somebody still needs them. */
#define STORES_MAX  512
#define BYTES_MAX   (256ull << 20)

struct store {
	uint64_t number, size;
	int fd;
	uint32_t chunks;               /* those before this one are in it */
	uint64_t last_pos;             /* of the stream, when it was last named */
};

/* Where in the file a store's chunks are: sorted by store, then by place. */
struct piece { uint64_t store; uint32_t chunk; };

struct player {
	struct monitor *m;
	struct log_reader *r;
	struct piece *piece;
	uint32_t npieces;
	struct store store[STORES_MAX];
	int nstores;
	uint64_t bytes;                /* of all of them */
	struct buf data;
};

/* ---- files by name ---- */

/* A CHUNK_FILE, taken apart; false where it is none. */
static bool parse_file(const struct buf *b, const struct log_file **ret, const char **ret_path, const struct log_range **ret_range)
{
	const struct log_file *f = (const struct log_file *)b->at;

	if (b->len < sizeof(*f) || !f->path_len || f->path_len > b->len - sizeof(*f) ||
	    (b->len - sizeof(*f) - f->path_len) / sizeof(struct log_range) != f->nranges || b->at[sizeof(*f) + f->path_len - 1])
		return false;
	*ret = f;
	*ret_path = b->at + sizeof(*f);
	/* Behind a path of any length: copied before it is looked at. */
	*ret_range = (const struct log_range *)(*ret_path + f->path_len);
	return true;
}

/* Who has written the recording chose the path: what is no file is not waited for. */
static int open_named(const char *path, const struct log_file *f, char **ret_why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		*ret_why = xasprintf("%s, which the recording needs: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		*ret_why = xasprintf("%s, which the recording needs, is no file", path);
	else if ((uint64_t)st.st_size != f->id.size)
		*ret_why = xasprintf("%s has changed since the recording: %llu bytes then, %llu now", path,
		                     (unsigned long long)f->id.size, (unsigned long long)st.st_size);
	return fd;
}

static char *bring_range(int fd, const char *path, const struct log_range *x, int to)
{
	char *bytes = xmalloc(x->to - x->from), *why = NULL;

	if (read_all_at(fd, bytes, x->to - x->from, x->from) || hash_bytes(bytes, x->to - x->from, 0) != x->hash)
		why = xasprintf("%s has changed since the recording: the same size, other bytes", path);
	else if (to >= 0 && pwrite(to, bytes, x->to - x->from, x->from) != (ssize_t)(x->to - x->from))
		why = xasprintf("no room for the bytes of %s", path);
	free(bytes);
	return why;
}

/* Copy what the chunk names into `to` (-1: only look). NULL, or what is wrong, to be freed. */
static char *bring_file(const struct buf *chunk, int to)
{
	static const char impossible[] = "the recording names a file in a way that cannot be";
	const struct log_file *f;
	const struct log_range *range;
	const char *name;
	char *why = NULL, *path;
	int fd;

	if (!parse_file(chunk, &f, &name, &range))
		return xstrdup(impossible);
	fd = open_named(name, f, &why);
	path = text_printable(name);
	for (uint32_t i = 0; i < f->nranges && !why; i++) {
		struct log_range x;

		memcpy(&x, range + i, sizeof(x));
		why = x.from > x.to || x.to > f->id.size ? xstrdup(impossible) : bring_range(fd, path, &x, to);
	}
	free(path);
	if (fd >= 0)
		close(fd);
	return why;
}

int player_check_files(struct log_reader *r)
{
	struct buf b = {0};
	int err = 0;

	for (uint32_t i = 0; i < r->nchunks; i++) {
		char *why = NULL;

		if (r->chunk[i].c.kind != CHUNK_FILE)
			continue;
		buf_clear(&b);
		if (log_chunk_data(r, i, &b))
			continue;      /* the reader says so when it comes there */
		if ((why = bring_file(&b, -1))) {
			char *text = text_printable(why);

			warn("%s", text);
			free(text);
			err = -ENODATA;
		}
		free(why);
	}
	buf_free(&b);
	return err;
}

/* ---- stores ---- */

static int by_store(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	return x->store != y->store ? (x->store < y->store ? -1 : 1) : x->chunk < y->chunk ? -1 : x->chunk > y->chunk;
}

static void list_pieces(struct player *p)
{
	for (uint32_t i = 0; i < p->r->nchunks; i++) {
		const struct log_chunk *c = &p->r->chunk[i].c;

		if (c->kind != CHUNK_STORE && c->kind != CHUNK_FILE)
			continue;
		if (!(p->npieces & (p->npieces - 1)))
			p->piece = xrealloc(p->piece, max_of(2 * p->npieces, 16u) * sizeof(*p->piece));
		p->piece[p->npieces++] = (struct piece){c->ident, i};
	}
	if (p->npieces)
		qsort(p->piece, p->npieces, sizeof(*p->piece), by_store);
}

static uint32_t first_piece(const struct player *p, uint64_t store)
{
	return first_at_least(p->piece, p->npieces, sizeof(*p->piece), store);
}

static _Noreturn void player_end(struct player *p, const char *why)
{
	monitor_notef(p->m, NOTE_WARNING, 0, "%s: the replay ends after event %llu", why,
	              (unsigned long long)p->m->s->ring.h->seq);
	stream_close(p->m->s);
	stream_drain(p->m->s);
	_exit(0);
}

/* Pages of zeros need no memory. */
static int put_bytes(int fd, const char *bytes, uint64_t len, uint64_t offset)
{
	static const char zero[4096];

	for (uint64_t at = 0, n; at < len; at += n) {
		n = min_of(len - at, 4096 - (offset + at) % 4096);
		if (n == 4096 && !memcmp(bytes + at, zero, n))
			continue;
		if (pwrite(fd, bytes + at, n, offset + at) != (ssize_t)n)
			return -errno;
	}
	return 0;
}

static void add_piece(struct player *p, struct store *s, uint32_t chunk)
{
	const struct log_chunk *c = &p->r->chunk[chunk].c;
	char *why;

	buf_clear(&p->data);
	if (log_chunk_data(p->r, chunk, &p->data))
		player_end(p, p->r->damage);
	if (c->kind == CHUNK_FILE) {
		if ((why = bring_file(&p->data, s->fd)))
			player_end(p, why);
	} else if (put_bytes(s->fd, p->data.at, p->data.len, c->offset)) {
		player_end(p, "no room for the bytes of a mapped file");
	}
}

static struct store *oldest(struct player *p)
{
	struct store *s = &p->store[0];

	for (int i = 1; i < p->nstores; i++)
		if (p->store[i].last_pos < s->last_pos)
			s = &p->store[i];
	return s;
}

static void give_up(struct player *p, struct store *s)
{
	close(s->fd);
	p->bytes -= s->size;
	*s = p->store[--p->nstores];
}

/* Give up the store that was not named for the longest time; wait until that can be. */
static void make_room(struct player *p)
{
	uint64_t since = 0;

	for (;;) {
		uint64_t head = p->m->s->ring.h->head, slowest;
		int who;

		slowest = ring_slowest(&p->m->s->ring, head, &who);
		if (p->nstores && oldest(p)->last_pos < slowest) {
			give_up(p, oldest(p));
			return;
		}
		/* All of them are of the event that is being made. */
		if (!p->nstores || slowest == head)
			player_end(p, "an event needs more mapped files than can be kept");
		stream_wait(p->m->s, "no more mapped files can be kept", who, &since);
	}
}

/* Those that nobody needs any more, while there are too many bytes. They are made again when they are needed again. */
static void shrink(struct player *p)
{
	uint64_t head = p->m->s->ring.h->head;
	int who;

	while (p->bytes > BYTES_MAX && p->nstores && oldest(p)->last_pos < ring_slowest(&p->m->s->ring, head, &who))
		give_up(p, oldest(p));
}

static struct store *new_store(struct player *p, const struct file_id *id)
{
	struct store *s;
	int fd;

	shrink(p);
	if (p->nstores == STORES_MAX)
		make_room(p);
	while ((fd = memfd_create("tandem-file", MFD_CLOEXEC)) < 0 && (errno == EMFILE || errno == ENFILE))
		make_room(p);
	if (fd < 0 || ftruncate(fd, page_up(id->size)) < 0)
		player_end(p, "no room for the bytes of mapped files");
	s = &p->store[p->nstores++];
	*s = (struct store){.number = id->store, .size = page_up(id->size), .fd = fd};
	p->bytes += s->size;
	return s;
}

/* The memfd of a store, with all that the recording has of it up to here. */
static int store_fd(struct player *p, const struct file_id *id)
{
	struct store *s = NULL;
	uint32_t here = p->r->next_chunk;

	for (int i = 0; i < p->nstores && !s; i++)
		if (p->store[i].number == id->store)
			s = &p->store[i];
	if (!s)
		s = new_store(p, id);
	for (uint32_t i = first_piece(p, s->number); i < p->npieces && p->piece[i].store == s->number; i++)
		if (p->piece[i].chunk >= s->chunks && p->piece[i].chunk < here)
			add_piece(p, s, p->piece[i].chunk);
	s->chunks = here;
	s->last_pos = p->m->s->ring.h->head;
	return s->fd;
}

/* ---- events ---- */

static void play(struct player *p, const struct event *e)
{
	struct stream *s = p->m->s;
	struct part *part = event_parts(e);
	struct event *to;

	if (e->size > stream_max(s))
		player_end(p, "an event is larger than the stream takes");
	stream_begin(s);
	/* The reader's own bytes are changed: it reads them once. */
	for (uint32_t i = 0; i < e->nparts; i++, part = part_next(part)) {
		struct file_id *id = part_data(part);

		if (part->kind == PART_FILE && id->store != ~0u)
			id->store = store_fd(p, id);
	}
	to = stream_reserve(s, e->size);
	memcpy(to, e, e->size);
	if (p->m->cfg->experiment)
		substitute(p->m->cfg->experiment->subst, p->m->cfg->experiment->nsubst, to);
	stream_publish(s, to);
}

_Noreturn void player_main(struct monitor *m, void *reader)
{
	struct player *p = xcalloc(1, sizeof(*p));
	const struct event *e;
	bool ended = false;

	p->m = m;
	p->r = reader;
	monitor_let_go(m);
	list_pieces(p);
	log_rewind(p->r);
	while (!ended && (e = log_next(p->r))) {
		if ((ended = e->type == EV_END))
			m->root_status = e->result;
		play(p, e);
	}
	if (!ended)
		player_end(p, p->r->damage ? p->r->damage : "the recording has no end");
	stream_close(m->s);
	monitor_notef(m, NOTE_END, m->root_status, "{\"events\":%llu}", (unsigned long long)m->s->ring.h->seq);
	stream_drain(m->s);
	_exit(0);
}
