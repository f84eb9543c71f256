/* json.c - see json.h. */
#include "show/json.h"

#include <stdlib.h>

json_t *json_text(const char *s)
{
	char *text = s ? text_printable(s) : NULL;
	json_t *j = text ? json_string(text) : json_null();

	free(text);
	return j;
}
