"""Install the file of [tool.setuptools.data-files] with `pip install -e .` too: setuptools asks `has_data` there."""

from setuptools import Distribution, setup


class WithData(Distribution):
    def has_data(self) -> bool:
        return bool(self.has_data_files())


setup(distclass=WithData)
