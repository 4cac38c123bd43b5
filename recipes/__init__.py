"""Recipes that come with Tuwen: data, one TOML file each. `schemas.recipe.load("wukong")` reads one."""
