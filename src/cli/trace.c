/* trace.c - `tandem trace`: the stream of a single version, as text. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "show/decode.h"

int cmd_trace(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 0;
}
