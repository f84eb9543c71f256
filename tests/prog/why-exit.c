/* why-exit.c - a random number shows in the exit status, and nowhere else. */
#include <stdio.h>
#include <sys/random.h>

int main(void)
{
    unsigned char byte;

    if (getrandom(&byte, 1, 0) != 1) /* cause: random */
        return 255;
    printf("the die is cast\n");
    return byte % 100;
}
