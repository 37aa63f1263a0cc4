// A network in use: outputs for any number of rows, and the loss over a data set. A few rows go through together
// (predict_few.h); of many, each member takes blocks through all layers by itself, in its own buffers. The parameters are only read,
// so any number of calls may run at once.
#pragma once

#include "network/interruption.h"
#include "network/loss.h"
#include "network/workspace.h"

namespace fastmlp {

enum class PassEnd { complete, interrupted, input_not_finite };  // unless complete, nothing of the result counts

// `threads` is what the caller allows, 0 for all. outputs (samples x out, ld = out): the output unit applied.
template <class T>
PassEnd predict(const KernelTable<T>& kernels, const Parameters<T>& parameters, Workspaces<T>& workspaces, const Inputs& inputs, T* outputs,
                int threads, const Poll& poll);

// The sum of the (weighted) losses and the count of correct samples.
template <class T>
PassEnd evaluate(const KernelTable<T>& kernels, const Parameters<T>& parameters, Workspaces<T>& workspaces, const Inputs& inputs,
                 const Targets<T>& targets, const LossInUse<T>& loss, int threads, const Poll& poll, Tally& tally);

// The same for a network with heads.
template <class T>
PassEnd evaluate_heads(const KernelTable<T>& kernels, const Parameters<T>& parameters, Workspaces<T>& workspaces, const Inputs& inputs,
                       const HeadLosses<T>& losses, int threads, const Poll& poll, Tally& tally);

// Floating-point operations of the forward pass.
template <class T>
double forward_flops(const Parameters<T>& parameters, int64_t rows);

}  // namespace fastmlp
