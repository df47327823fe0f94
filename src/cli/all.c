/* all.c -- see all.h. A new row stands here once, and nowhere else. */
#include "aws/cloudwatch.h"
#include "cli/all.h"

#include "cli/cli.h"
#include "debug/hook.h"
#include "debug/system_sample.h"
#include "jobs/log.h"
#include "jobs/program.h"
#include "models/algorithm.h"
#include "models/predictor.h"
#include "monitor/capture.h"
#include "monitor/monitor.h"
#include "monitor/schedule.h"
#include "rules/rule.h"
#include "serve/program.h"
#include "serve/speech/record.h"
#include "streams/stream.h"

extern const ft_algorithm ft_algorithm_image, ft_algorithm_xgboost;
static const ft_algorithm *const algorithms[] = { &ft_algorithm_xgboost, &ft_algorithm_image,
                                                  &ft_algorithm_program, &ft_algorithm_processing,
                                                  NULL };

extern const ft_predictor ft_predictor_nn, ft_predictor_xgboost;
static const ft_predictor *const predictors[] = { &ft_predictor_xgboost, &ft_predictor_nn,
                                                  &ft_predictor_program, NULL };

static const ft_stream_kind *const kinds[] = {
    &ft_kind_metric, &ft_kind_tensor, &ft_kind_capture,
    &ft_kind_drift,  &ft_kind_log,    &ft_kind_cloudwatch,
    &ft_kind_system, &ft_kind_speech, NULL
};

static const ft_rule *const rules[] = {
    &ft_rule_low_confidence,
    &ft_rule_perturbed_inputs,
    &ft_rule_unrelated_classes,
    &ft_rule_dead_relu,
    &ft_rule_poor_weight_initialization,
    &ft_rule_saturated_activation,
    &ft_rule_vanishing_gradient,
    &ft_rule_weight_update_ratio,
    &ft_rule_all_zero,
    &ft_rule_class_imbalance,
    &ft_rule_class_share,
    &ft_rule_confusion,
    &ft_rule_exploding_tensor,
    &ft_rule_feature_importance_overweight,
    &ft_rule_loader_starved,
    &ft_rule_loss_not_decreasing,
    &ft_rule_overfit,
    &ft_rule_overtraining,
    &ft_rule_population_stability,
    &ft_rule_tensor_variance,
    &ft_rule_tree_depth,
    &ft_rule_unchanged_tensor,
    NULL,
};

extern const ft_command ft_command_train, ft_command_report, ft_command_deploy, ft_command_serve,
    ft_command_invoke, ft_command_replay, ft_command_run, ft_command_model_show,
    ft_command_monitor_baseline, ft_command_monitor_run, ft_command_monitor_schedules,
    ft_command_rules_ls, ft_command_rules_show, ft_command_rules_try, ft_command_rules_add,
    ft_command_rules_rm, ft_command_sql, ft_command_sql_tables, ft_command_lineage,
    ft_command_jobs_ls, ft_command_jobs_show, ft_command_jobs_stop, ft_command_endpoints_ls,
    ft_command_endpoints_rm, ft_command_endpoints_rollback, ft_command_verdicts_ls,
    ft_command_alerts_ls, ft_command_alerts_to, ft_command_alerts_send, ft_command_algorithms_ls,
    ft_command_algorithms_show, ft_command_info, ft_command_run_job, ft_command_run_rules,
    ft_command_run_model, ft_command_remote_ls, ft_command_remote_get, ft_command_remote_put,
    ft_command_remote_cache, ft_command_run_pipe, ft_command_keys_add, ft_command_keys_ls,
    ft_command_keys_rm, ft_command_aws_env, ft_command_analyze, ft_command_settings_ls,
    ft_command_settings_set, ft_command_settings_rm, ft_command_explain, ft_command_attack,
    ft_command_trial_explain;

extern const ft_command ft_command_speak, ft_command_convert, ft_command_prompts_build,
    ft_command_voices_add, ft_command_voices_ls, ft_command_voices_rm, ft_command_run_espeak;

extern const ft_command ft_command_data_pack, ft_command_data_convert, ft_command_data_unpack,
    ft_command_data_ls, ft_command_data_head, ft_command_data_check, ft_command_data_formats,
    ft_command_data_bench, ft_command_data_transforms;

const ft_command *const ft_commands[] = {
    &ft_command_train,
    &ft_command_report,
    &ft_command_deploy,
    &ft_command_serve,
    &ft_command_invoke,
    &ft_command_replay,
    &ft_command_run,
    &ft_command_model_show,
    &ft_command_explain,
    &ft_command_attack,
    &ft_command_trial_explain,
    &ft_command_monitor_baseline,
    &ft_command_monitor_schedules,
    &ft_command_monitor_run,
    &ft_command_sql,
    &ft_command_sql_tables,
    &ft_command_lineage,
    &ft_command_jobs_ls,
    &ft_command_jobs_show,
    &ft_command_jobs_stop,
    &ft_command_endpoints_ls,
    &ft_command_endpoints_rm,
    &ft_command_endpoints_rollback,
    &ft_command_rules_ls,
    &ft_command_rules_show,
    &ft_command_rules_try,
    &ft_command_rules_add,
    &ft_command_rules_rm,
    &ft_command_verdicts_ls,
    &ft_command_alerts_ls,
    &ft_command_alerts_to,
    &ft_command_alerts_send,
    &ft_command_algorithms_ls,
    &ft_command_algorithms_show,
    &ft_command_remote_ls,
    &ft_command_remote_get,
    &ft_command_remote_put,
    &ft_command_remote_cache,
    &ft_command_data_pack,
    &ft_command_data_convert,
    &ft_command_data_unpack,
    &ft_command_data_ls,
    &ft_command_data_head,
    &ft_command_data_check,
    &ft_command_data_bench,
    &ft_command_data_formats,
    &ft_command_data_transforms,
    &ft_command_speak,
    &ft_command_convert,
    &ft_command_prompts_build,
    &ft_command_voices_add,
    &ft_command_voices_ls,
    &ft_command_voices_rm,
    &ft_command_keys_add,
    &ft_command_keys_ls,
    &ft_command_keys_rm,
    &ft_command_aws_env,
    &ft_command_settings_ls,
    &ft_command_settings_set,
    &ft_command_settings_rm,
    &ft_command_info,
    &ft_command_analyze,
    &ft_command_run_espeak,
    &ft_command_run_job,
    &ft_command_run_pipe,
    &ft_command_run_rules,
    &ft_command_run_model,
    NULL,
};

void ft_all_use(void) {
    ft_algorithms_use(algorithms);
    ft_predictors_use(predictors);
    ft_streams_use(kinds);
    ft_rules_use(rules);
    ft_schedules_use(&ft_aws_monitor_program);
}
