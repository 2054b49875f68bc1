"""The real recipe, made so small that a job takes a second. No import: whoever hands out the tests loads this, too."""

DRAWN = ["data.train=6", "data.good=2", "data.defective=1"]
SMALL = [
    "data.epoch_images=8",
    "data.object_size=32",
    "data.texture_size=64",
    "data.patch_size=32",
    "test.stride=32",
    "test.panels=2",
    "test.normal_images=3",
    "test.planted=0",
    "batch_size=4",
    "trainer.max_epochs=1",
    "trainer.accelerator=cpu",
    "trainer.log_every_n_steps=1",
    "progress=false",
    "descent.max_steps=3",
    "threads=1",
]
SWEPT = [*DRAWN, *SMALL, "test.panels=0", "projection=[eq8]", "trainer.max_epochs=2", "name=s"]  # the jobs of a sweep
