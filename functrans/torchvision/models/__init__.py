"""Residual networks, and weights for them."""

from functrans.torchvision.models.registry import (
    get_model as get_model,
    get_model_weights as get_model_weights,
    get_weight as get_weight,
    list_models as list_models,
)
from functrans.torchvision.models.resnet import (
    ResNet as ResNet,
    ResNet18_Weights as ResNet18_Weights,
    ResNet34_Weights as ResNet34_Weights,
    ResNet50_Weights as ResNet50_Weights,
    ResNet101_Weights as ResNet101_Weights,
    ResNet152_Weights as ResNet152_Weights,
    resnet18 as resnet18,
    resnet34 as resnet34,
    resnet50 as resnet50,
    resnet101 as resnet101,
    resnet152 as resnet152,
)
from functrans.torchvision.models.weights import Weights as Weights, WeightsEnum as WeightsEnum
