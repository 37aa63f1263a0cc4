"""From nothing to a trained MNIST network and its test digits, once with each library.

All train 784-128-10 with relu, softmax and cross-entropy by stochastic gradient descent with
momentum: EPOCHS passes in a new order each, BATCH rows a step. None measures anything on the way.
"""

FEATURES, HIDDEN, CLASSES = 784, 128, 10
EPOCHS = 5
BATCH = 64
LEARNING_RATE = 0.05
MOMENTUM = 0.9
