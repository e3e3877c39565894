"""What people and machines see of the engine: alerts, metrics, live workers."""
