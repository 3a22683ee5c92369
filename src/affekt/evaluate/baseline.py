"""The baseline that every recogniser stands beside: statistics of MFCCs and a support vector machine."""

import numpy as np


def clip_statistics(mfcc_FC: np.ndarray) -> np.ndarray:
    """Summarise a clip's MFCCs (frames, C) as mean, deviation, and the same of their differences, shape (4 C,)."""
    mfcc_FC = np.asarray(mfcc_FC, dtype=np.float64)
    delta_FC = np.gradient(mfcc_FC, axis=0) if len(mfcc_FC) > 1 else np.zeros_like(mfcc_FC)
    return np.concatenate([mfcc_FC.mean(0), mfcc_FC.std(0), delta_FC.mean(0), delta_FC.std(0)])


def fit_predict(train: np.ndarray, labels: np.ndarray, test: np.ndarray, c: float) -> np.ndarray:
    """Standardise by the training clips, fit a radial-basis SVM with balanced classes, predict labels of the test."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    model = make_pipeline(StandardScaler(), SVC(C=c, class_weight="balanced"))
    return model.fit(train, labels).predict(test)


def crossvalidate(features_ND: np.ndarray, labels_N: np.ndarray, fold_N: np.ndarray, c: float) -> np.ndarray:
    """Predict every clip by a machine that was fitted on the other folds; labels (N,)."""
    predicted_N = np.empty_like(labels_N)
    folds = np.unique(fold_N)
    if len(folds) < 2:
        raise ValueError(f"a cross-validation needs two or more folds, got {len(folds)}")
    for fold in folds:
        held_out = fold_N == fold
        predicted_N[held_out] = fit_predict(features_ND[~held_out], labels_N[~held_out], features_ND[held_out], c)
    return predicted_N
