#!/bin/sh
# An image of any size as an array of SLURM jobs, without dask: sbatch examples/slurm_array.sh MODEL IMAGE OUT.zarr
# Each job makes every sixteenth block; the last one completes the answer. A job that was killed or ran out
# of time is sent again (sbatch --array=5 ...) and goes on; `unetscope status OUT.zarr` says how far it is.
#SBATCH --job-name=unetscope
#SBATCH --array=1-16
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
#SBATCH --time=04:00:00
set -eu
export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"
unetscope predict "$1" "$2" --out "$3" --device cpu --part "$SLURM_ARRAY_TASK_ID/${SLURM_ARRAY_TASK_COUNT:-16}"
