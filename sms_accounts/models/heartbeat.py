"""Signs of life of the processes that work without being asked: workers, beat, binds."""

from django.db import models


class Heartbeat(models.Model):
    """When a process last said that it is there, and what its clock said then."""

    class Kind(models.TextChoices):
        WORKER = "worker"
        BEAT = "beat"
        SMPP = "smpp"

    kind = models.CharField(max_length=6, choices=Kind.choices)
    name = models.CharField(max_length=255)
    # Those that a worker listens to, with commas between them.
    queues = models.CharField(max_length=200, blank=True)
    # By the clock of the database, which is the same for processes on several machines.
    at = models.DateTimeField()
    own_clock = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "name"], name="one_heartbeat_per_process")
        ]

    def __str__(self) -> str:
        return self.name
