"""Models of images over `functrans.torch`, with the names of torchvision.

>>> import functrans.torch as torch
>>> from functrans.torchvision.models import resnet18
>>> model = resnet18(num_classes=10).eval()
>>> with torch.no_grad():
...     scores = model(torch.rand(1, 3, 64, 64))
>>> scores.shape
torch.Size([1, 10])
"""

from functrans.torchvision import models as models, transforms as transforms
