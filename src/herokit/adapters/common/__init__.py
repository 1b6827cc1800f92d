"""What the adapters of all trainers share; `herokit.adapters.common.base` says how an adapter is built."""
