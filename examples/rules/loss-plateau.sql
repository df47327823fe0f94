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
best as (select name, min(value) as value from loss group by name),
-- The first step that nothing since has beaten by more than delta.
since as (
    select loss.name, min(loss.step) as step
    from loss join best on best.name = loss.name
    where loss.value <= best.value + :delta
    group by loss.name
)
select loss.name, loss.step as best_step, loss.value as best_value, :at as step, :at - loss.step as steps_since,
       printf('%s has not come below %.7g by more than %g since step %d, %d steps before step %d; %d steps are allowed',
              loss.name, loss.value, :delta, loss.step, :at - loss.step, :at, :patience) as reason
from since join loss on loss.name = since.name and loss.step = since.step
where :at - since.step >= :patience
order by loss.name;
