/* fault.h -- rehearsed failure. Every seam that can fail (memory, files, processes, sockets) asks
 * ft_fault_here() first; a test fails call 0, 1, 2 … in turn until a round runs clean (EACH_FAULT
 * in tests/test.h). Outside tests the question costs one thread-local compare. */
#ifndef FT_FAULT_H
#define FT_FAULT_H

#include <stdbool.h>

bool ft_fault_here(void);         /* fail this call? */
bool ft_fault_round(long *round); /* arm the next round; false once a round ran without a failure */
void ft_fault_off(void);          /* disarm: used by tests around their own set-up */

#endif
