# The graph of dvc.yaml for Snakemake: one rule per resolved stage, made when this file is loaded, so that the graph
# is written once. `snakemake` runs it with profiles/default; schedulers get threads, gpu, memory and time from `meta:`.
import json
import os
import sys
from functools import reduce
from operator import getitem
from pathlib import Path

from dvc.repo import Repo, lock_repo
from ruamel.yaml import YAML

# The commands say `python`: it has to be the one that runs Snakemake, whether its environment is activated or not.
os.environ.update(PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
# Stages run beside each other: threads that spin while they wait would take the others' time (see core/stage.py).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Snakemake exports its own thread count to jobs. Threads are a parameter of a stage: its bits depend on them.
shell.prefix("unset OMP_NUM_THREADS MKL_NUM_THREADS OPENBLAS_NUM_THREADS NUMEXPR_NUM_THREADS; ")

stages = list(Repo(".").index.stages)
rule_of = {stage.name: stage.name.replace("@", "_").replace("-", "_") for stage in stages}
made = {out.def_path for stage in stages for out in stage.outs}
used = {dep.def_path for stage in stages for dep in stage.deps}
typed = lambda path: path if Path(path).suffix else directory(path)
# Snakemake sees that a file changed, but not that something in a source folder did.
files = lambda path: sorted(str(file) for file in Path(path).rglob("*") if file.is_file()) or [path]
values = YAML(typ="safe").load(Path("params.yaml"))
declared = lambda section: {key: reduce(getitem, key.split("."), values) for key in section.params}
# Snakemake knows the parameters of its own runs only; dvc.lock knows those of DVC's. What differs there counts by
# the age of params.yaml; `ancient` keeps the set of inputs the same when nothing differs.
aged = lambda section: (str if section.hash_info.value != declared(section) else ancient)(section.def_path)


def commit(jobs):
    """Enter the outs of jobs in dvc.lock; only of these: what else is there may be of other inputs."""
    rules = {job.rule.name for job in jobs}
    finished = [stage for stage in stages if rule_of[stage.name] in rules]
    # What `dvc commit -f` does, but dvc.lock is written once: the command writes it for each name, in seconds.
    if finished:
        with lock_repo(finished[0].repo):
            for stage in finished:
                stage.save()
                stage.commit()
            finished[0].dvcfile.dump_stages(finished, update_pipeline=False)


rule all:
    input:
        sorted(made - used),


for stage in stages:
    paths = [dep.def_path for dep in stage.deps if dep not in stage.params]

    rule:
        name:
            rule_of[stage.name]
        message:
            stage.desc or stage.name
        input:
            [file for path in paths for file in ([path] if path in made else files(path))],
            [aged(section) for section in stage.params],
        output:
            [typed(out.def_path) for out in stage.outs],
        params:
            command=stage.cmd,
            declared=json.dumps([declared(section) for section in stage.params], sort_keys=True),
        log:
            f"logs/snakemake/{rule_of[stage.name]}.log",
        conda:
            "environment.yaml"
        threads: stage.meta["threads"]
        resources:
            gpu=stage.meta["gpu"],
            mem_mb=stage.meta["memory_mb"],
            runtime=stage.meta["runtime_min"],
        # Names in a shell command are looked up when the job runs: `stage` would be the last one for every job.
        shell:
            "({params.command}) > {log} 2>&1"


# What ran here counts for DVC too: dvc.lock takes its hashes, and `dvc status` is clean.
onsuccess:
    commit(workflow.dag.finished_jobs)


# So does what was finished before a failure.
onerror:
    commit(workflow.dag.finished_jobs)
