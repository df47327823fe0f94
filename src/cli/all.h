/* all.h -- the one place that names every registry row of the program: commands, algorithms,
 * predictors, stream kinds, rules. ft_all_use hands the rows to the rooms that look them up by
 * name. */
#ifndef FT_ALL_H
#define FT_ALL_H

void ft_all_use(void);

#endif
