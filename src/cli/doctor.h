/* doctor.h - `tandem doctor`: what this machine allows, and what follows from it. */
#ifndef TANDEM_DOCTOR_H
#define TANDEM_DOCTOR_H

/* argv[0] is "doctor". Returns the exit status: 0 when `tandem run` can work here, 1 when something
 * essential is missing, EXIT_TANDEM when the options are wrong. Leaves no children behind. */
int cmd_doctor(int argc, char **argv);

#endif
