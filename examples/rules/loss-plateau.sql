-- rule: loss-plateau
-- doc: A loss has not come below its best by delta for patience steps.
-- reads: metric
-- param: patience int 50 steps without a better loss
-- param: delta float 0 by how much a loss must come below the best so far to be better
-- param: names text train-% losses that are looked at, as LIKE has it

with loss as (
    select name, step, value
    from metric
    where job = :key and name like :names and value is not null
),
-- The first step from which on nothing was better by more than delta than what had been reached there.
best as (
    select name, step, value
    from loss as candidate
    where not exists (
        select 1 from loss as later
        where later.name = candidate.name and later.value < candidate.value - :delta
    )
),
since as (select name, min(step) as step from best group by name)
select best.name, best.step as best_step, best.value as best_value, :at as step, :at - best.step as steps_since,
       printf('%s has not come below %.7g by more than %g since step %d, %d steps before step %d; %d steps are allowed',
              best.name, best.value, :delta, best.step, :at - best.step, :at, :patience) as reason
from since join best on best.name = since.name and best.step = since.step
where :at - since.step >= :patience
order by best.name;
