/* why-size.c - a random number decides how much memory is allocated, which nobody sees. */
/* no cause */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

int main(void)
{
    uint16_t number;

    if (getrandom(&number, sizeof number, 0) != sizeof number) /* harmless: random */
        return 1;
    char *text = malloc(16 + number);
    if (!text)
        return 1;
    strcpy(text, "enough");
    printf("%s\n", text);
    free(text);
    return 0;
}
