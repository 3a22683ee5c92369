"""Where activation maximisation starts from: each prior and what it is asked for, by name, with its name in words."""

PRIORS = {
    "gan": "GAN",
    "cgan": "conditional GAN, the wanted emotion given",
    "cgan_mismatched": "conditional GAN, another emotion given",
}
