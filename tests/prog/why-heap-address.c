/* why-heap-address.c - the address of allocated memory is printed. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    char *memory = malloc(100); /* cause: layout */

    printf("%p\n", (void *)memory);
    free(memory);
    return 0;
}
