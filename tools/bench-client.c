/* bench-client - asks a server over kept connections, one request at a time on each, and checks every reply.
 *
 *     bench-client memcached PORT CONNECTIONS SECONDS         one set and nine gets of values of 100 bytes
 *     bench-client http PORT CONNECTIONS SECONDS PATH FILE    GET PATH, which must be answered with what FILE holds
 *
 * Prints how many requests were answered, and in how many seconds. A wrong reply, a connection that the server closes, and
 * a silence of ten seconds are errors: it says which, and ends with status 1.
 *
 * tools/bench-ptrace builds it. It is no part of tandem.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1 << 17, VALUE = 100, KEYS = 50 };

struct connection {
	int fd, number;
	unsigned asked;
	size_t have, want;	/* bytes of a reply that are there; how many there must be, 0: not known yet */
	char reply[BUFFER];
};

struct protocol {
	const char *name;
	void (*ask)(struct connection *c);
	size_t (*length)(struct connection *c);	/* of the reply; 0: more bytes are needed to tell */
	int (*right)(struct connection *c);
};

static char request[4096], expected[BUFFER], *path;
static size_t file_length;
static char file[BUFFER];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void ask(struct connection *c, size_t length)
{
	if (send(c->fd, request, length, MSG_NOSIGNAL) != (ssize_t)length)
		err(1, "connection %d, request %u: send", c->number, c->asked);
	c->asked++;
	c->have = c->want = 0;
}

/* ---- memcached: what is asked tells what is answered ---- */

static void value_of(struct connection *c, unsigned key, char *to)
{
	for (int i = 0; i < VALUE; i++)
		to[i] = 'a' + (c->number + key + i) % 26;
}

/* Of ten requests the first one stores what the others fetch. */
static size_t memcached_reply(struct connection *c, unsigned request_number)
{
	unsigned key = request_number / 10 % KEYS;
	size_t at;

	if (request_number % 10 == 0)
		return sprintf(expected, "STORED\r\n");
	at = sprintf(expected, "VALUE k%d:%u 0 %d\r\n", c->number, key, VALUE);
	value_of(c, key, expected + at);
	return at + VALUE + sprintf(expected + at + VALUE, "\r\nEND\r\n");
}

static void memcached_ask(struct connection *c)
{
	unsigned key = c->asked / 10 % KEYS;
	size_t at;

	if (c->asked % 10) {
		ask(c, sprintf(request, "get k%d:%u\r\n", c->number, key));
		return;
	}
	at = sprintf(request, "set k%d:%u 0 0 %d\r\n", c->number, key, VALUE);
	value_of(c, key, request + at);
	memcpy(request + at + VALUE, "\r\n", 2);
	ask(c, at + VALUE + 2);
}

static size_t memcached_length(struct connection *c)
{
	size_t length = memcached_reply(c, c->asked - 1);

	/* An error is shorter; it is shown, not waited for. */
	return c->have < length && memcmp(c->reply, expected, c->have) ? c->have : length;
}

static int memcached_right(struct connection *c)
{
	return memcached_reply(c, c->asked - 1) == c->want && !memcmp(c->reply, expected, c->want);
}

/* ---- http ---- */

static void http_ask(struct connection *c)
{
	ask(c, sprintf(request, "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench-client\r\nAccept: */*\r\n\r\n", path));
}

static size_t http_length(struct connection *c)
{
	char *end = memmem(c->reply, c->have, "\r\n\r\n", 4);
	char *field = end ? memmem(c->reply, end - c->reply, "\r\nContent-Length: ", 18) : NULL;

	if (!end)
		return 0;
	return end + 4 - c->reply + (field ? strtoul(field + 18, NULL, 10) : 0);
}

static int http_right(struct connection *c)
{
	return c->want > file_length && !memcmp(c->reply, "HTTP/1.1 200 OK\r\n", 17) &&
	       !memcmp(c->reply + c->want - file_length - 4, "\r\n\r\n", 4) &&
	       !memcmp(c->reply + c->want - file_length, file, file_length);
}

static void http_file(const char *name)
{
	FILE *f = fopen(name, "r");

	if (!f)
		err(1, "%s", name);
	file_length = fread(file, 1, sizeof file / 2, f);
	fclose(f);
}

/* ---- all of them ---- */

static const struct protocol protocols[] = {
	{"memcached", memcached_ask, memcached_length, memcached_right},
	{"http",      http_ask,      http_length,      http_right},
};

static void connect_to(struct connection *c, int port, int ep)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (void *)&a, sizeof a))
		err(1, "connection %d: connect", c->number);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e))
		err(1, "epoll_ctl");
}

/* Take what has come. 1: the reply is complete, and right. */
static int receive(struct connection *c, const struct protocol *p)
{
	ssize_t n = recv(c->fd, c->reply + c->have, sizeof c->reply - c->have, 0);

	if (n < 0)
		err(1, "connection %d, request %u: recv", c->number, c->asked);
	if (n == 0)
		errx(1, "connection %d, request %u: the server closed it", c->number, c->asked);
	c->have += n;
	c->want = p->length(c);
	if (!c->want || c->have < c->want)
		return 0;
	if (c->have > c->want || !p->right(c))
		errx(1, "connection %d, request %u: wrong reply: %.*s", c->number, c->asked, c->have > 300 ? 300 : (int)c->have,
		     c->reply);
	return 1;
}

int main(int argc, char **argv)
{
	const struct protocol *p = NULL;
	struct connection *all;
	int ep = epoll_create1(0), n, busy;
	unsigned long answered = 0;
	double start, end;

	for (size_t i = 0; argc > 4 && i < sizeof protocols / sizeof *protocols; i++)
		if (!strcmp(argv[1], protocols[i].name))
			p = &protocols[i];
	if (!p || (p->ask == http_ask && argc != 7))
		errx(1, "usage: bench-client memcached|http PORT CONNECTIONS SECONDS [PATH FILE]");
	if (argc > 6) {
		path = argv[5];
		http_file(argv[6]);
	}
	n = busy = atoi(argv[3]);
	all = calloc(n, sizeof *all);
	for (int i = 0; i < n; i++) {
		all[i].number = i;
		connect_to(&all[i], atoi(argv[2]), ep);
	}
	start = now();
	end = start + atof(argv[4]);
	for (int i = 0; i < n; i++)
		p->ask(&all[i]);
	while (busy) {
		struct epoll_event e[64];
		int got = epoll_wait(ep, e, 64, 10000);
		int more = now() < end;

		if (got == 0)
			errx(1, "no reply for ten seconds");
		if (got < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (int i = 0; i < got; i++) {
			struct connection *c = e[i].data.ptr;

			if (!receive(c, p))
				continue;
			answered++;
			if (more)
				p->ask(c);
			else
				busy--;
		}
	}
	printf("%lu %.6f\n", answered, now() - start);
	return 0;
}
