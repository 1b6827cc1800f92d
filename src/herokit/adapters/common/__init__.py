"""What the adapters of all trainers share; `herokit.adapters.common.base` describes how an adapter is built."""

__all__: list[str] = []
