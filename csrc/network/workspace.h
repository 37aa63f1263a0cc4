// The buffers of prediction, kept with the network from call to call: nothing is allocated where the last call left what fits.
#pragma once

#include "network/heads.h"
#include "network/plan.h"
#include "network/sparse.h"
#include "runtime/kept.h"

namespace fastmlp {

// Of a few rows that go through together.
template <class T>
struct FewWorkspace {
    explicit FewWorkspace(const Parameters<T>& parameters);

    T* x;  // the inputs, converted and scaled, ld = x_row
    int64_t x_row;
    T* y[2];  // a layer's inputs and its outputs, by turns, ld = y_row
    int64_t y_row;
    FewRows<T> rows;     // the inputs of a layer
    T* softmax_columns;  // (outputs x lanes)
    bool sparse;         // whether there is room for columns of samples, where W is sparse
    SparsePanels<T> panels;
    HeadScratch<T> head;

private:
    Arena memory_;
};

// Of one member of a team that takes blocks of rows.
template <class T>
struct BlockWorkspace {
    Activity<T> activity;
    StructuredActivity<T> structured;
    NonZeros<T> by_sample;   // of the inputs, where zeros are skipped
    SparsePanels<T> panels;  // where W is sparse
    MemberScratch<T> scratch;
    T* delta_t;  // (outputs x lanes): the loss kernel's columns
    T* losses;   // (rows)
    std::vector<T*> losses_by_head;
    HeadScratch<T> head;
};

template <class T>
struct BlockWorkspaces {
    BlockWorkspaces(const Parameters<T>& parameters, int64_t rows, int members, bool skips);

    int64_t rows;  // the largest block
    bool skips;    // whether there is room for lists of the inputs
    bool sparse;   // and for columns of samples
    std::vector<BlockWorkspace<T>> of_member;

private:
    Arena memory_;
};

template <class T>
struct Workspaces {
    Kept<FewWorkspace<T>> few;
    Kept<BlockWorkspaces<T>> blocks;
};

}  // namespace fastmlp
