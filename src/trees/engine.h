/* engine.h -- XGBoost's C API, loaded on first use (Debian's libxgboost0), never linked.
 *
 *     const ft_xgb *x;
 *     FT_TRY(ft_xgb_load(&x));
 *     FT_TRY(FT_XGB(x, BoosterCreate(NULL, 0, &booster)));
 *
 * Threads: loading from any; a booster is used by one thread at a time. What XGBoost says goes to
 * the log of this program, at the level that `verbosity` lets through. */
#ifndef FT_ENGINE_H
#define FT_ENGINE_H

#include <xgboost/c_api.h>

#include "base/err.h"

/*  member (XGBoost's name without XG), in the order of use */
#define FT_XGB_TABLE(X)          \
    X(BoostVersion)              \
    X(BGetLastError)             \
    X(BRegisterLogCallback)      \
    X(BSetGlobalConfig)          \
    X(DMatrixCreateFromMat_omp)  \
    X(DMatrixCreateFromCSREx)    \
    X(DMatrixSetFloatInfo)       \
    X(DMatrixSetUIntInfo)        \
    X(DMatrixFree)               \
    X(BoosterCreate)             \
    X(BoosterFree)               \
    X(BoosterSetParam)           \
    X(BoosterUpdateOneIter)      \
    X(BoosterEvalOneIter)        \
    X(BoosterPredictFromDMatrix) \
    X(BoosterPredictFromDense)   \
    X(BoosterFeatureScore)       \
    X(BoosterGetAttr)            \
    X(BoosterSetAttr)            \
    X(BoosterBoostedRounds)      \
    X(BoosterSaveJsonConfig)     \
    X(BoosterSaveModelToBuffer)  \
    X(BoosterLoadModelFromBuffer)

typedef struct ft_xgb {
#define X(name) __typeof__(&XG##name) name;
    FT_XGB_TABLE(X)
#undef X
} ft_xgb;

/* FT_EABSENT names the library and Debian's package. */
ft_err ft_xgb_load(const ft_xgb **out);
/* Call one function; what XGBoost says becomes the sentence of the failure. */
#define FT_XGB(x, call) ((x)->call == 0 ? FT_OK : ft_xgb_fail((x), __FILE__, __LINE__))
ft_err ft_xgb_fail(const ft_xgb *x, const char *file, int line) __attribute__((cold));
/* "1.7.4" */
const char *ft_xgb_version(const ft_xgb *x);

#endif
